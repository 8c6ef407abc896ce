# Signs messages with dkimpy: one JSON object a line comes in, the signed message in base64 goes out, a line each.
import base64, json, sys
import dkim

for line in sys.stdin:
    job = json.loads(line)
    message = base64.b64decode(job["message"])
    forms = tuple(form.encode() for form in job["canonical"].split("/"))
    for kind in ("rsa", "ed25519"):
        fields = dkim.DKIM(message, signature_algorithm=f"{kind}-sha256".encode()).sign(
            job[kind]["selector"].encode(), b"sender.example", job[kind]["key"].encode(), canonicalize=forms)
        message = fields + message
    print(base64.b64encode(message).decode(), flush=True)
