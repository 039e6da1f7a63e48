#!/usr/bin/env bash
# Runs the Autobahn suite against our endpoints and compares what it found with
# expected/*.json:
#
#   autobahn/run.sh server|client|all [--tls]
#
# "server" is the role under test: the suite's fuzzing client talks to
# autobahn/server, and its fuzzing server to autobahn/client. --tls does the
# same over wss, with a certificate made for the run. Reports go to
# autobahn/reports/{server,client}[-tls].
#
# The suite comes from its Docker image. Where no Docker engine answers it is
# installed from PyPI into build/wstest instead, which takes a Python 2.7 (as
# pyenv has it). Either way nothing is left running.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

image=crossbario/autobahn-testsuite:25.10.1
work=build/autobahn
agent=tidewire
limit=900 # seconds for one role; a role takes about 30 s on two cores

children=()
docker=

main() {
	local roles=() scheme=ws suffix=''
	for arg in "$@"; do
		case $arg in
		server | client) roles+=("$arg") ;;
		all) roles+=(server client) ;;
		--tls) scheme=wss suffix=-tls ;;
		*) usage ;;
		esac
	done
	[ ${#roles[@]} -gt 0 ] || usage

	trap end_children EXIT
	mkdir -p "$work" autobahn/reports
	prepare_suite
	[ "$scheme" = ws ] || make_certificate
	local role
	for role in "${roles[@]}"; do
		go build -o "$work/$role" "./autobahn/$role"
		fresh_folder "autobahn/reports/$role$suffix"
		"test_$role" "$scheme" "autobahn/reports/$role$suffix"
		compare "$role" "$suffix"
	done
}

usage() {
	echo "usage: autobahn/run.sh server|client|all [--tls]" >&2
	exit 2
}

# test_server SCHEME OUTDIR lets the suite's fuzzing client loose on our server.
test_server() {
	local scheme=$1 outdir=$2 url
	local args=(-addr 127.0.0.1:0)
	[ "$scheme" = ws ] || args+=(-cert "$work/cert.pem" -key "$work/key.pem")

	"$work/server" "${args[@]}" >"$work/server.log" 2>&1 &
	children+=($!)
	url=$(wait_for_line "$work/server.log" '^listening on \(.*\)$' $!)
	echo "autobahn: the suite against our server at $url"

	sed -e "s#ws://127.0.0.1:9001#$url#" -e "s#autobahn/reports/server#$outdir#" \
		autobahn/fuzzingclient.json >"$work/fuzzingclient.json"
	(wstest "$work/wstest-server.log" -m fuzzingclient -s "$work/fuzzingclient.json") ||
		fail "the suite's client failed" "$work/wstest-server.log"
	end_children
}

# test_client SCHEME OUTDIR runs our client through all cases of the suite's
# fuzzing server.
test_client() {
	local scheme=$1 outdir=$2 url
	local args=() key='' cert=''
	if [ "$scheme" = wss ]; then
		args=(-ca "$work/cert.pem")
		key=$work/key.pem cert=$work/cert.pem
	fi
	url=$scheme://127.0.0.1:$(free_port)
	echo "autobahn: our client against the suite at $url"

	sed -e "s#ws://127.0.0.1:9001#$url#" -e "s#autobahn/reports/client#$outdir#" \
		-e "s#\"key\": \"\"#\"key\": \"$key\"#" -e "s#\"cert\": \"\"#\"cert\": \"$cert\"#" \
		autobahn/fuzzingserver.json >"$work/fuzzingserver.json"
	wstest "$work/wstest-client.log" -m fuzzingserver -u 0 -s "$work/fuzzingserver.json" &
	children+=($!)
	timeout "$limit" "$work/client" -url "$url" -agent "$agent" "${args[@]}" ||
		fail "our client could not finish" "$work/wstest-client.log"
	end_children
}

# wstest LOG ARGS... becomes the suite's program, in the image or in build/wstest,
# so it is called in a subshell or in the background; a signal to that ends the
# suite. Both see this folder under its own path, so one set of paths does.
wstest() {
	local log=$1
	shift
	if [ -n "$docker" ]; then
		exec timeout "$limit" docker run --rm --init --network host -e PYTHONUNBUFFERED=1 \
			-v "$PWD:$PWD" -w "$PWD" "$image" wstest "$@" >"$log" 2>&1
	fi
	export PYTHONUNBUFFERED=1 PYTHONUSERBASE=$PWD/build/wstest PYTHONWARNINGS=ignore
	exec timeout "$limit" build/wstest/bin/wstest "$@" >"$log" 2>&1
}

prepare_suite() {
	if command -v docker >/dev/null && timeout 10 docker info >/dev/null 2>&1; then
		docker=yes
		docker image inspect "$image" >/dev/null 2>&1 || docker pull -q "$image"
	elif ! (wstest "$work/version.log" --autobahnversion); then
		install_wstest
	fi
}

install_wstest() {
	echo "autobahn: no Docker engine answers: installing the suite into build/wstest"
	rm -rf build/wstest
	python27 -m pip --disable-pip-version-check install -q --no-warn-script-location \
		--user -r autobahn/wstest.txt
	(wstest "$work/version.log" --autobahnversion) ||
		fail "the suite was installed but does not start" "$work/version.log"
}

# python27 runs a Python 2.7: the system's or pyenv's. pip --user installs into
# the base that it is given.
python27() {
	local -x PYTHONUSERBASE=$PWD/build/wstest
	if python2.7 -c '' 2>/dev/null; then
		python2.7 "$@"
		return
	fi
	command -v pyenv >/dev/null ||
		fail "needs a Docker engine, or a Python 2.7 (pyenv install 2.7.18)"
	pyenv install --skip-existing 2.7.18
	PYENV_VERSION=2.7.18 python2.7 "$@"
}

# make_certificate writes key.pem and a self-signed cert.pem for 127.0.0.1.
make_certificate() {
	local generate
	generate=$(go env GOROOT)/src/crypto/tls/generate_cert.go
	(cd "$work" && go run "$generate" --host 127.0.0.1 --rsa-bits 2048 --ca 2>generate_cert.log) ||
		fail "no certificate could be made" "$work/generate_cert.log"
}

# compare holds the fresh report against expected/ROLE.json.
compare() {
	AUTOBAHN_REPORTS=required go test ./autobahn -count=1 -run "TestReport/^$1$2\$" ||
		fail "the report of $1$2 is not what expected/$1.json says"
}

fresh_folder() {
	rm -rf "$1"
	mkdir -p "$1"
}

# wait_for_line LOG PATTERN PID prints the first group of PATTERN once a line of
# LOG matches, for at most 30 s and as long as PID lives.
wait_for_line() {
	local found
	for _ in {1..300}; do
		found=$(sed -n "s#$2#\1#p" "$1")
		if [ -n "$found" ]; then
			echo "$found"
			return
		fi
		kill -0 "$3" 2>/dev/null || break
		sleep 0.1
	done
	fail "no line matched $2" "$1"
}

# free_port prints a port on which nothing listens.
free_port() {
	local port
	for _ in {1..50}; do
		port=$((20000 + RANDOM % 10000))
		(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
	done
	echo "$port"
}

end_children() {
	local pid
	for pid in ${children[@]+"${children[@]}"}; do
		kill "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	children=()
}

# fail MESSAGE [LOG] ends the run, with the end of a log.
fail() {
	echo "autobahn: $1" >&2
	if [ -n "${2:-}" ]; then tail -n 30 "$2" >&2 || true; fi
	exit 1
}

main "$@"
