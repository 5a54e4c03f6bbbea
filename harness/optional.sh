#!/bin/bash
# Usage: optional.sh PACKAGE LOG
# Print the version of a Debian package that is nice to have, after installing it if it is
# missing. Where it cannot be had, say why and fail. LOG gets what apt said.
set -euo pipefail

package=$1 log=$2

installed_version()
{
	# shellcheck disable=SC2016
	dpkg-query -W -f '${db:Status-Status} ${Version}\n' "$package" 2>/dev/null |
		sed -n 's/^installed //p'
}

install_package()
{
	export DEBIAN_FRONTEND=noninteractive
	{
		apt-get install -y -qq --no-install-recommends "$package" ||
			{ apt-get update -qq && apt-get install -y -qq --no-install-recommends "$package"; }
	} >"$log" 2>&1 || true
}

if [ -z "$(installed_version)" ]; then
	if [ "$(id -u)" -ne 0 ]; then
		echo "$package is not installed, and only root can do that" >&2
		exit 1
	fi
	install_package
fi
installed_version | grep . || {
	echo "$package cannot be installed: $(tail -n 1 "$log")" >&2
	exit 1
}
