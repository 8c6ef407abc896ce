# Reads the From fields of messages as two readers in Python do: base64 of a message as JSON a line comes in, their addresses
# as JSON go out, a line each. One that can not read a field shows nothing of it.
import base64, email, email.policy, email.utils, json, sys


def shown(read):
    try:
        return read()
    except Exception:
        return []


for line in sys.stdin:
    raw = base64.b64decode(json.loads(line))
    new = lambda: [a.addr_spec for f in email.message_from_bytes(raw, policy=email.policy.default).get_all("from", []) for a in f.addresses]
    old = lambda: [a for _, a in email.utils.getaddresses([str(f) for f in email.message_from_bytes(raw).get_all("from", [])])]
    print(json.dumps({"email.policy.default": shown(new), "email.utils": shown(old)}), flush=True)
