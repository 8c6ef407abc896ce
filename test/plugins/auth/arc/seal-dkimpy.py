# Seals and verifies messages with dkimpy: one JSON object a line comes in. With "hops" the sealed message goes out in
# base64, else one word, "pass", "fail" or "none".
import base64, json, sys
import dkim

for line in sys.stdin:
    job = json.loads(line)
    message = base64.b64decode(job["message"])
    records = job.get("records", {})
    answer = lambda name, timeout=5: records.get(name.decode().rstrip("."), "").encode()
    if "hops" in job:
        for number, hop in enumerate(job["hops"], 1):
            id = b"mx." + hop["domain"].encode()
            found = b"; arc=pass" if number > 1 else b""
            message = b"Authentication-Results: " + id + b"; dmarc=pass header.from=sender.example" + found + b"\r\n" + message
            message = message.replace(b"Subject: ", hop["subject"].encode() + b"Subject: ", 1)
            fields = dkim.arc_sign(message, b"s1", hop["domain"].encode(), job["key"].encode(), id)
            message = b"".join(fields) + message
        print(base64.b64encode(message).decode(), flush=True)
    else:
        try:
            result = dkim.arc_verify(message, dnsfunc=answer, minkey=job["minkey"])[0]
        except Exception:
            # What it raises of rubbish.
            result = None
        print((result or b"fail").decode(), flush=True)
