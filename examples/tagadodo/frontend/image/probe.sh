#!/bin/sh
# The image's HEALTHCHECK, with whatever the base image has.
url=http://127.0.0.1:8080/health
if command -v curl >/dev/null; then
    exec curl -fsS -o /dev/null "$url"
elif command -v wget >/dev/null; then
    exec wget -q -O /dev/null "$url"
else
    exec bash -c 'exec 3<>/dev/tcp/127.0.0.1/8080 && printf "GET /health HTTP/1.0\r\n\r\n" >&3 &&
        read -r _ status _ <&3 && [ "$status" = 200 ]'
fi
