#!/usr/bin/python3
"""The command ``certbot``."""

import sys

from certbot.main import main

sys.exit(main())
