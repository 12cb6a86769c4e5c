#!/bin/sh
# capture.sh: runs a private Postfix on loopback, sends mail through it and keeps its log.
# Regenerates Tests/data/postfix-capture.log and Tests/data/traces.json; needs root.
# Touches neither the system's Postfix nor its queue: all state lives in a folder removed at the end.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
data=$(cd "$here/.." && pwd)/data
export TZ=UTC LC_ALL=C

if [ "$(id -u)" -ne 0 ]; then
    echo "capture.sh: Postfix can only be started by root" >&2
    exit 1
fi
PATH=/usr/sbin:/sbin:$PATH
export DEBIAN_FRONTEND=noninteractive
if ! command -v postfix >/dev/null; then
    echo 'postfix postfix/main_mailer_type select Local only' | debconf-set-selections
    apt-get update -q >&2
    apt-get install -y -q postfix >&2
fi
command -v openssl >/dev/null || apt-get install -y -q openssl >&2

work=$(mktemp -d /var/tmp/postfix-capture.XXXXXX)
sink_pid=
cleanup() {
    postfix -c "$work/etc" stop >/dev/null 2>&1 || true
    if [ -n "$sink_pid" ]; then kill "$sink_pid" 2>/dev/null || true; fi
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

chmod 755 "$work"
mkdir -p "$work/etc" "$work/queue" "$work/log" "$work/mail"
install -d -o postfix -g root -m 700 "$work/lib"
chown nobody "$work/mail"
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=mx1.example.net \
    -keyout "$work/etc/key.pem" -out "$work/etc/cert.pem" 2>/dev/null

cat >"$work/etc/main.cf" <<EOF
compatibility_level = 3.6
myhostname = mx1.example.net
mydomain = example.net
myorigin = example.net
mydestination =
mynetworks = 127.0.0.9/32
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtp_bind_address = 127.0.0.1
queue_directory = $work/queue
data_directory = $work/lib
maillog_file = $work/log/mail.log
maillog_file_prefixes = $work
enable_long_queue_ids = yes
smtp_dns_support_level = disabled
relay_domains = example.com example.org
transport_maps = texthash:$work/etc/transport
virtual_mailbox_domains = box.example.net
virtual_mailbox_maps = texthash:$work/etc/boxes
virtual_mailbox_base = $work/mail
virtual_uid_maps = static:$(id -u nobody)
virtual_gid_maps = static:$(id -g nobody)
alias_maps =
alias_database =
virtual_alias_maps = inline:{ { alias@example.com = ok@example.com } }
header_checks = regexp:$work/etc/headers
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
smtpd_helo_restrictions = reject_invalid_helo_hostname
smtpd_end_of_data_restrictions =
    check_sender_access inline:{ { blocked@sender.example = 554 5.7.1 Sender is not welcome } }
minimal_backoff_time = 5s
maximal_backoff_time = 8s
queue_run_delay = 4s
maximal_queue_lifetime = 30s
bounce_queue_lifetime = 25s
smtpd_tls_security_level = may
smtpd_tls_cert_file = $work/etc/cert.pem
smtpd_tls_key_file = $work/etc/key.pem
smtpd_tls_loglevel = 1
smtp_tls_security_level = may
smtp_tls_loglevel = 1
message_size_limit = 200000
EOF
cat >"$work/etc/master.cf" <<EOF
127.0.0.1:25250 inet n - n - - smtpd
postlog   unix-dgram n - n - 1 postlogd
pickup    unix n - n 60 1 pickup
cleanup   unix n - n - 0 cleanup
qmgr      unix n - n 300 1 qmgr
tlsmgr    unix - - n 1000? 1 tlsmgr
rewrite   unix - - n - - trivial-rewrite
bounce    unix - - n - 0 bounce
defer     unix - - n - 0 bounce
trace     unix - - n - 0 bounce
verify    unix - - n - 1 verify
proxymap  unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp      unix - - n - - smtp
relay     unix - - n - - smtp
lmtp      unix - - n - - lmtp
showq     unix n - n - - showq
error     unix - - n - - error
retry     unix - - n - - error
discard   unix - - n - - discard
local     unix - n n - - local
virtual   unix - n n - - virtual
anvil     unix - - n - 1 anvil
scache    unix - - n - 1 scache
flush     unix n - n 1000? 0 flush
EOF
cat >"$work/etc/transport" <<EOF
example.com smtp:[127.0.0.1]:25251
example.org lmtp:inet:127.0.0.1:25251
down.example.com smtp:[127.0.0.1]:25259
discarded.example.com discard:not wanted here
sender.example smtp:[127.0.0.1]:25251
EOF
echo 'anna@box.example.net anna/' >"$work/etc/boxes"
echo '/^Subject: .*forbidden offer/ REJECT the subject is not accepted' >"$work/etc/headers"

python3 "$here/sink.py" --port 25251 --certificate "$work/etc/cert.pem" --key "$work/etc/key.pem" &
sink_pid=$!
postfix -c "$work/etc" start >&2
python3 "$here/send.py" --port 25250 --log "$work/log/mail.log"
postfix -c "$work/etc" stop >&2
mkdir -p "$data"
python3 "$here/traces.py" "$work/log/mail.log" "$data/postfix-capture.log" "$data/traces.json"
