# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# apt for packages that are fetched and unpacked under build/ and never installed. It exists because what the tests
# need of other releases must leave this machine's own lists and packages alone.
# Try: . tools/apt.sh; apt=$PWD/build/kernels/6.12/apt; own_apt apt-cache policy linux-image-amd64

# own_apt COMMAND ARGUMENT…: apt-get or apt-cache with everything of its own under $apt; what the machine's configuration
# says of proxies still holds. A mirror's snapshot may count as expired by this machine's clock; signatures are checked
# all the same.
# shellcheck disable=SC2154 # $apt is the caller's
own_apt() {
	local cmd=$1
	shift
	"$cmd" -q -o Dir::State="$apt" -o Dir::State::lists="$apt/lists" -o Dir::State::status="$apt/status" \
		-o Dir::Cache="$apt/cache" -o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts=- \
		-o Dir::Etc::preferences=- -o Dir::Etc::preferencesparts=- -o APT::Sandbox::User=root \
		-o APT::Architecture=amd64 -o APT::Architectures=amd64 -o Acquire::Languages=none \
		-o Acquire::Check-Valid-Until=false -o Acquire::Retries=3 -o APT::Install-Recommends=false \
		-o APT::Update::Post-Invoke-Success= -o Debug::NoLocking=1 "$@"
}
