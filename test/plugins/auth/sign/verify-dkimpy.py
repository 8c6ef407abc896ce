# Verifies messages with dkimpy: one JSON object a line comes in, one line of "ok" or "fail" for each signature goes out.
import base64, json, sys
import dkim

for line in sys.stdin:
    job = json.loads(line)
    records = job["records"]
    answer = lambda name, timeout=5: records.get(name.decode().rstrip("."), "").encode()
    words = []
    for index in range(job["signatures"]):
        try:
            good = dkim.DKIM(base64.b64decode(job["message"])).verify(index, dnsfunc=answer)
            words.append("ok" if good else "fail")
        except Exception:
            words.append("fail")
    print(" ".join(words), flush=True)
