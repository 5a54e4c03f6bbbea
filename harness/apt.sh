# shellcheck shell=bash
# To be sourced: apt with lists, status and cache of its own, for what is to be had from the
# mirror that this machine's apt uses, and not to be installed. apt's own lists stay as they are.

apt_codename()
{
	# shellcheck disable=SC1091
	(. /etc/os-release && echo "$VERSION_CODENAME")
}

# "RELEASE URI" of all that this machine's apt knows, several times each
apt_list_mirrors()
{
	# shellcheck disable=SC2016
	apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 2>/dev/null
}

# Where this machine gets its own release from; nothing when apt does not know
apt_find_mirror()
{
	apt_list_mirrors | sed -n "s/^$(apt_codename) //p" | head -n 1
}

# apt_source TYPE MIRROR SUITE: a line of sources.list; TYPE is deb or deb-src
apt_source()
{
	echo "$1 [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $2 $3 main"
}

# apt_begin FOLDER <sources.list: from here on apt's files are below FOLDER
apt_begin()
{
	apt_folder=$1
	mkdir -p "$apt_folder"/{lists,cache/archives}/partial
	touch "$apt_folder/status"
	cat >"$apt_folder/sources.list"
}

# apt_run COMMAND ARGUMENT...: what goes wrong is for apt_error to tell
apt_run()
{
	local command=$1

	shift
	"$command" -o Dir::State="$apt_folder" -o Dir::State::status="$apt_folder/status" \
		-o Dir::Cache="$apt_folder/cache" -o Dir::Etc::sourcelist="$apt_folder/sources.list" \
		-o Dir::Etc::sourceparts=/dev/null -o Dir::Etc::preferences=/dev/null \
		-o Dir::Etc::preferencesparts=/dev/null -o APT::Sandbox::User="$(id -un)" \
		-o Acquire::Languages=none -qq "$@" 2>>"$apt_folder/apt.log"
}

# The first error so far
apt_error()
{
	grep '^E:' "$apt_folder/apt.log" | head -n 1
}
