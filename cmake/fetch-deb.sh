#!/usr/bin/env bash
# Downloads one Debian package of another suite and unpacks it into a folder; installs nothing, changes no apt setting.
#
# usage: fetch-deb.sh SUITE PACKAGE DEST [ARCHITECTURE]
#   e.g. fetch-deb.sh forky libonnxruntime-dev .deps/onnxruntime-headers
#
# apt itself does the work, with lists and cache of its own in a temporary folder: the mirror, proxies and certificates are
# the ones this machine's apt already uses, and apt's signature check stands in for a pinned hash, since a suite that
# moves on (forky, backports) drops the file of an older pin.
set -euo pipefail
suite=$1 package=$2 dest=$3 architecture=${4:-}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{lists/partial,cache/archives/partial,empty}

# The archive that this machine's own release comes from.
release=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
uri=$(apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 'Created-By: Packages' |
  awk -v r="$release" '$1 == r {print $2; exit}')
[ -n "$uri" ] || { echo "fetch-deb: apt has no source for ${release:-this release}" >&2; exit 1; }
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $uri $suite main" > "$work/sources.list"

private=(-qq -o "Dir::Etc::sourcelist=$work/sources.list" -o "Dir::Etc::sourceparts=$work/empty"
  -o "Dir::Etc::preferencesparts=$work/empty" -o Dir::Etc::preferences=/dev/null
  -o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work/cache" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=
  -o "APT::Sandbox::User=$(id -un)" -o Acquire::Languages=none -o Acquire::Retries=3
  -o Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false
  -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false)
# Libraries of another architecture, to link programs for it here.
[ -z "$architecture" ] || private+=(-o "APT::Architecture=$architecture" -o "APT::Architectures::=$architecture")
apt-get "${private[@]}" update
(cd "$work" && apt-get "${private[@]}" download "$package/$suite")

# Whole or not at all: a half-unpacked folder would look like an installed one to the next run.
rm -rf "$dest.new"
mkdir -p "$dest.new"
dpkg-deb -x "$work"/"$package"_*.deb "$dest.new"
rm -rf "$dest"
mv "$dest.new" "$dest"
dpkg-deb -f "$work"/"$package"_*.deb Version
