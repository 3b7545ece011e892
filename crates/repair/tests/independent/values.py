"""What three readers of others (regipy, python-registry, libregf) see in a hive: the values of the keys that are named on
standard input, a line each. Prints a JSON object: for each reader, from path to name to [type, data in hexadecimal]."""

import io
import json
import sys

import pyregf
from Registry import Registry
from regipy.registry import RegistryHive

path = sys.argv[1]
keys = sys.stdin.read().splitlines()


def regipy():
    hive = RegistryHive(path)
    def data(value):
        return value.to_bytes(4, "little") if isinstance(value, int) else bytes.fromhex(value) if isinstance(value, str) else value
    kinds = {"REG_DWORD": 4, "REG_BINARY": 3}
    found = {}
    for key in keys:
        values = hive.get_key("\\" + key).iter_values(as_json=False, trim_values=False)
        found[key] = {v.name: [kinds[v.value_type], data(v.value).hex()] for v in values if v.value_type in kinds}
    return found


def python_registry():
    hive = Registry.Registry(path)
    found = {}
    for key in keys:
        values = hive.open(key).values()
        found[key] = {v.name(): [v.value_type(), v.raw_data().hex()] for v in values if v.value_type() in (3, 4)}
    return found


def libregf():
    hive = pyregf.file()
    hive.open(path)
    if hive.is_corrupted():
        raise SystemExit("libregf calls the hive corrupted")
    found = {}
    for name in keys:
        key = hive.get_key_by_path("\\" + name)
        found[name] = {v.name: [v.type, v.data.hex()] for v in key.values if v.type in (3, 4)}
    return found


print(json.dumps({"regipy": regipy(), "python-registry": python_registry(), "libregf": libregf()}))
