"""first_trace_sdk.py - the shortest program that prints one trace with the official SDK.

first_trace_sdk.py ORIGIN        SSL_CERT_FILE names the certificate authority
"""

import sys

from cloudflare import Cloudflare

client = Cloudflare(
    api_token="test-token-not-real-bench-01", base_url=f"{sys.argv[1]}/client/v4", max_retries=0
)
trace = client.email_security.investigate.trace.get(
    "4Njp3P0STMz2c02Q", account_id="023e105f4ecef8ad9ca31a8372d0c353"
)
if trace is None or not trace.inbound.lines:
    sys.exit("not the trace that was expected")
print(trace.inbound.lines[0].message, flush=True)
