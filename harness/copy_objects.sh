#!/bin/bash
# Usage: copy_objects.sh FROM TO
# Begin the objects of a kernel as a copy of those of another one, whose configuration
# differs little. The configuration is left out. Of all objects only those of the tools know
# where they were built, and after objtool everything would be made anew.
set -euo pipefail

from=${1%/} to=${2%/}

rm -rf "$to" "$to.begun"
cp -a --reflink=auto "$from" "$to.begun"
rm "$to.begun/.config"
[ ! -d "$to.begun/tools" ] ||
	find "$to.begun/tools" -name '.*.cmd' -exec sed -i "s|/${from##*/}/|/${to##*/}/|g" {} +
mv "$to.begun" "$to"
