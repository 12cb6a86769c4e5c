"""first_trace_ours.py - the shortest program that prints one trace through the Python binding.

first_trace_ours.py ORIGIN CA_FILE VAULT KEY
"""

import sys

import tracevault as tv

origin, ca_file, vault_path, key_path = sys.argv[1:]
vault = tv.Vault.open(vault_path, tv.RawKey.from_file(key_path))
settings = {"api.base_url": f"{origin}/client/v4", "tls.ca_file": ca_file}
with tv.Engine(settings=settings) as engine:
    trace = engine.trace(vault.tenant("tenant-50"), f"{500:032x}", "4Njp3P0STMz2c02Q")
    print(trace.inbound.lines[0].message, flush=True)
