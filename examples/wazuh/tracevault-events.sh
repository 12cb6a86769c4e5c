#!/usr/bin/env bash
# tracevault-events.sh - for Wazuh's command module: what is new, one event a line, none longer than 60000 bytes.
#
# Wazuh cuts lines at 64 KiB, in the middle of the JSON. `collect` tells each detection once, and again
# when its verdict changes; `filter` adds the trace and keeps each line below the limit.
# SINCE is for the first run alone.
set -euo pipefail
state="${TRACEVAULT_STATE:-/var/ossec/var/tracevault}"
tracevault collect --checkpoint "$state/wazuh.checkpoint" --start "${SINCE:-1d}" --json |
    tracevault filter --field message.message_ref --max-bytes 60000
