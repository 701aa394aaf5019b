# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The test host with what the docker role installs, for tests of the roles that come after it.
ARG HOST=tagadodo/testhost:debian12
FROM ${HOST}
RUN apt-get -q update \
 && DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends \
      docker.io $(apt-cache pkgnames docker-cli) python3-docker python3-cryptography apparmor ca-certificates logrotate \
 && rm -rf /var/lib/apt/lists/*
