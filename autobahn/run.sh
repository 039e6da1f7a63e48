#!/usr/bin/env bash
# Runs the Autobahn suite against our endpoints and compares what it found with
# expected/*.json:
#
#   autobahn/run.sh server|client|all [--tls | --mode serve|netconn] [--jobs N]
#
# "server" is the role under test: the suite's fuzzing client talks to
# autobahn/server, and its fuzzing server to autobahn/client. --tls does the
# same over wss, with a certificate made for the run. --mode is how the server reads
# its connections, see autobahn/server -help. Reports go to
# autobahn/reports/{server,client}[-tls] and server-{serve,netconn}.
#
# The suite's cases are run in shards, each by a suite and an endpoint of its own,
# --jobs of them at a time; build/autobahn keeps their logs and reports apart, and
# the report of a role is put together from them when all are there.
#
# The suite comes from its Docker image. Where no Docker engine answers it is
# installed from PyPI into build/wstest instead, which takes a Python 2.7 (as
# pyenv has it). Either way nothing is left running.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

image=crossbario/autobahn-testsuite:25.10.1
work=build/autobahn
agent=tidewire
limit=900 # seconds for one shard; one takes less than a minute if it has a core

# A shard is a name and the suite's patterns for its cases. The groups of
# permessage-deflate have 18 cases of 1000 messages each and take about equally
# long; the core is 301 cases that mostly wait.
shards=("core 1.* 2.* 3.* 4.* 5.* 6.* 7.* 9.* 10.*")
for group in 12.{1..5} 13.{1..7}; do shards+=("$group $group.*"); done

# Over wss, and where the server keeps its net.Conn, the cases of these numbers are left
# out of the groups of permessage-deflate: the messages of 16 KiB and more, but for the
# largest in 32 KiB fragments. TLS cuts the stream below the frames anew, and a net.Conn
# reads it in other pieces, which small messages, fragments and one size above a record
# (16 KiB) show; what deflate does with the rest is the same over ws, where all cases are
# run, and it would be most of the time. expected_test.go knows.
left_out=(7 8 9 10 12 13 14 15 16 17)

# The suite's Python keeps a core busy most of the time and then waits for us: one
# more than there are cores keeps all of them busy.
jobs=$(($(nproc) + 1))

scheme=ws
mode=blocking # of our server
excluded='' # patterns for suite.json
suffix='' # of what belongs to a role: -tls over wss, or - and the mode
children=()
docker=

main() {
	local roles=()
	while [ $# -gt 0 ]; do
		case $1 in
		server | client) roles+=("$1") ;;
		all) roles+=(server client) ;;
		--tls)
			scheme=wss suffix=-tls
			leave_out
			;;
		--mode)
			mode=${2:-}
			suffix=-$mode
			case $mode in
			serve) ;;
			netconn) leave_out ;;
			*) usage ;;
			esac
			shift
			;;
		--jobs)
			jobs=${2:-}
			shift
			;;
		*) usage ;;
		esac
		shift || usage
	done
	[ ${#roles[@]} -gt 0 ] || usage
	[[ $jobs =~ ^[1-9][0-9]*$ ]] || usage

	trap end_children EXIT
	mkdir -p "$work" autobahn/reports
	prepare_suite
	[ "$scheme" = ws ] || make_certificate
	go build -o "$work/bin/" ./autobahn/server ./autobahn/client ./autobahn/merge
	local role
	for role in "${roles[@]}"; do fresh_folder "$work/$role$suffix"; done
	run_shards "${roles[@]}"
	for role in "${roles[@]}"; do
		merge "$role"
		compare "$role"
	done
}

leave_out() {
	excluded=$(printf '"12.*.%s", ' "${left_out[@]}"; printf '"13.*.%s", ' "${left_out[@]}")
	excluded=${excluded%, }
}

usage() {
	echo "usage: autobahn/run.sh server|client|all [--tls | --mode serve|netconn] [--jobs N]" >&2
	exit 2
}

# run_shards ROLES... runs all shards of all roles, and fails with the first that fails.
run_shards() {
	local role shard running=0 port
	port=$((20000 + RANDOM % 10000))
	for role in "$@"; do
		for shard in "${shards[@]}"; do
			if [ "$running" -eq "$jobs" ]; then
				wait -n || fail "a shard failed"
				running=$((running - 1))
			fi
			port=$(free_port_above "$port")
			set -m # a process group of its own, which can be ended whole
			run_shard "$role" "$port" "$shard" &
			set +m
			children+=("-$!")
			running=$((running + 1))
		done
	done
	while [ "$running" -gt 0 ]; do
		wait -n || fail "a shard failed"
		running=$((running - 1))
	done
}

# run_shard ROLE PORT SHARD is a process of its own. It leaves its report in
# build/autobahn/ROLE/NAME/report.
run_shard() {
	local role=$1 port=$2 shard start=$SECONDS
	read -ra shard <<<"$3"
	local name=${shard[0]} folder=$work/$role$suffix/${shard[0]} cases announced ran
	cases=$(printf '"%s", ' "${shard[@]:1}")
	children=()
	trap end_children EXIT

	mkdir -p "$folder/report"
	: >"$folder/endpoint.log"
	"test_$role" "$folder" "$port" "${cases%, }"
	announced=$(sed -n 's/^Ok, will run \([0-9]*\) test cases.*/\1/p' "$folder/suite.log")
	ran=$(grep -c '"behavior":' "$folder/report/index.json") ||
		fail "$role $name was cut off: there is no report" "$folder/suite.log"
	[ "$ran" = "$announced" ] ||
		fail "$role $name was cut off: $ran of $announced cases are in its report" "$folder/suite.log"
	echo "autobahn: $role$suffix $name: $ran cases in $((SECONDS - start)) s"
}

# test_server FOLDER PORT CASES lets the suite's fuzzing client loose on our server.
test_server() {
	local folder=$1 url
	local args=(-addr "127.0.0.1:$2" -mode "$mode")
	[ "$scheme" = ws ] || args+=(-cert "$work/cert.pem" -key "$work/key.pem")

	"$work/bin/server" "${args[@]}" >"$folder/endpoint.log" 2>&1 &
	children+=($!)
	url=$(wait_for_line "$folder/endpoint.log" '^listening on \(.*\)$' $!)

	cat >"$folder/suite.json" <<-JSON
		{
		  "outdir": "$folder/report",
		  "servers": [{"agent": "$agent", "url": "$url"}],
		  "cases": [$3],
		  "exclude-cases": [$excluded],
		  "exclude-agent-cases": {}
		}
	JSON
	wstest "$folder/suite.log" -m fuzzingclient -s "$folder/suite.json" &
	children+=($!)
	wait $! || fail "the suite's client failed" "$folder/suite.log"
	end_children
}

# test_client FOLDER PORT CASES runs our client through the cases of the suite's
# fuzzing server.
test_client() {
	local folder=$1 url=$scheme://127.0.0.1:$2
	local args=() key='' cert=''
	if [ "$scheme" = wss ]; then
		args=(-ca "$work/cert.pem")
		key=$work/key.pem cert=$work/cert.pem
	fi

	cat >"$folder/suite.json" <<-JSON
		{
		  "outdir": "$folder/report",
		  "url": "$url",
		  "key": "$key",
		  "cert": "$cert",
		  "cases": [$3],
		  "exclude-cases": [$excluded],
		  "exclude-agent-cases": {}
		}
	JSON
	wstest "$folder/suite.log" -m fuzzingserver -u 0 -s "$folder/suite.json" &
	children+=($!)
	timeout --foreground "$limit" "$work/bin/client" -url "$url" -agent "$agent" "${args[@]}" >"$folder/endpoint.log" 2>&1 &
	children+=($!)
	wait $! || fail "our client could not finish" "$folder/endpoint.log"
	end_children
}

# merge ROLE makes one report of all shards' reports.
merge() {
	local to=autobahn/reports/$1$suffix
	fresh_folder "$to"
	"$work/bin/merge" -into "$to" "$work/$1$suffix"/*/report || fail "the reports of $1$suffix could not be put together"
}

# wstest LOG ARGS... becomes the suite's program, in the image or in build/wstest,
# so it is called in a subshell or in the background; a signal to that ends the
# suite. Both see this folder under its own path, so one set of paths does.
wstest() {
	local log=$1
	shift
	if [ -n "$docker" ]; then
		exec timeout --foreground "$limit" docker run --rm --init --network host -e PYTHONUNBUFFERED=1 \
			-v "$PWD:$PWD" -w "$PWD" "$image" wstest "$@" >"$log" 2>&1
	fi
	export PYTHONUNBUFFERED=1 PYTHONUSERBASE=$PWD/build/wstest PYTHONWARNINGS=ignore
	exec timeout --foreground "$limit" build/wstest/bin/wstest "$@" >"$log" 2>&1
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

# compare ROLE holds the fresh report against expected/ROLE.json, which knows every case.
compare() {
	AUTOBAHN_REPORTS=required go test ./autobahn -count=1 -run "TestReport/^$1$suffix\$" ||
		fail "the report of $1$suffix is not what expected/$1.json says"
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

# free_port_above PORT prints the first port above PORT on which nothing listens.
free_port_above() {
	local port=$1
	while
		port=$((port + 1))
		(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null
	do :; done
	echo "$port"
}

# end_children ends processes, and of a shard (-PID) the group.
end_children() {
	local pid
	for pid in ${children[@]+"${children[@]}"}; do
		kill -- "$pid" 2>/dev/null || true
		wait "${pid#-}" 2>/dev/null || true
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
