#!/bin/sh
# Writes the page's configuration from the environment, then becomes nginx.
set -eu

api_url=${API_URL:-/api}
case $api_url in
*[!A-Za-z0-9:/._~%-]*)
    echo "API_URL is not a URL: $api_url" >&2
    exit 1
    ;;
esac
printf '{"apiUrl":"%s"}\n' "$api_url" >/tmp/config.json
exec nginx -c /srv/nginx.conf -g 'daemon off;'
