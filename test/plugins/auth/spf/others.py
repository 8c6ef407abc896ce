# Answers for the tests what others say of SPF: as JSON on standard output.
#   suite            the test suite that python3-spf brings, as it is
#   ask < questions  what python3-spf makes of [{ zone, ip, localPart, domain, helo }], one result each
import gzip, json, socket, sys

if sys.argv[1] == "suite":
    import yaml
    with gzip.open("/usr/share/doc/python3-spf/rfc7208-tests.yml.gz", "rb") as file:
        json.dump(list(yaml.safe_load_all(file)), sys.stdout, default=str)
    sys.exit(0)

import spf

zone = {}


def look_up(name, qtype, strict=True, timeout=None, level=0):
    name = name.rstrip(".").lower()
    for value in zone.get(name, {}).get(qtype, []):
        if value == "servfail":
            raise spf.TempError("DNS")
        if qtype == "TXT":
            value = (value.encode("utf-8"),)
        elif qtype == "AAAA":
            value = socket.inet_pton(socket.AF_INET6, value)
        elif qtype == "MX":
            preference, host = value.split(" ")
            value = (int(preference), host.rstrip("."))
        elif qtype == "PTR":
            value = value.rstrip(".")
        yield ((name, qtype), value)


spf.DNSLookup = look_up
results = []
for question in json.load(sys.stdin):
    zone = {name.lower(): records for name, records in question["zone"].items()}
    sender = question["localPart"] + "@" + question["domain"]
    asked = spf.query(i=question["ip"], s=sender, h=question["helo"], strict=True, timeout=0)
    results.append(asked.check()[0])
json.dump(results, sys.stdout)
