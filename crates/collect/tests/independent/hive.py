"""What regipy reads in a hive (with its logs, if they lie beside it): the keys that are named on standard input, a line each,
below the control set in use. Prints a JSON object from path to values; a key that is not there is null."""

import json
import os
import sys
import tempfile

from regipy.exceptions import RegistryKeyNotFoundException
from regipy.recovery import apply_transaction_logs
from regipy.registry import RegistryHive


def merged(path):
    logs = [path + suffix for suffix in (".LOG1", ".LOG2") if os.path.exists(path + suffix)]
    if not logs:
        return path
    restored = os.path.join(tempfile.mkdtemp(), "hive")
    apply_transaction_logs(path, *logs, restored_hive_path=restored)
    return restored


def value(entry):
    if isinstance(entry.value, bytes):
        return entry.value.hex()
    return entry.value


hive = RegistryHive(merged(sys.argv[1]))
current = hive.get_key("\\Select").get_value("Current")
found = {}
for line in sys.stdin.read().splitlines():
    try:
        key = hive.get_key("\\" + line.replace("CurrentControlSet", f"ControlSet{current:03}", 1))
    except RegistryKeyNotFoundException:
        found[line] = None
        continue
    found[line] = {entry.name: [entry.value_type, value(entry)] for entry in key.iter_values(as_json=False)}
print(json.dumps(found))
