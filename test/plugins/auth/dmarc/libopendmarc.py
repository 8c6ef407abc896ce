# DMARC by libopendmarc (RFC 7489): one JSON object a line comes in, its result as JSON goes out, a line each. It asks no DNS:
# the record that applies is given, and the suffixes of the tests stand in a list.
import ctypes, json, sys, tempfile

PASS, MAIL_FROM, IP4, MOZILLA = 1, 1, 4, 1
ALIGNED = 4
RESULTS = {15: "pass", 16: "reject", 17: "quarantine", 18: "none", 14: "absent"}


class Library(ctypes.Structure):
    _fields_ = [("tld_type", ctypes.c_int), ("tld_file", ctypes.c_char * 4096), ("count", ctypes.c_int),
                ("addresses", ctypes.c_char * 48)]


lib = ctypes.CDLL("libopendmarc.so.2")
lib.opendmarc_policy_connect_init.restype = ctypes.c_void_p
suffixes = tempfile.NamedTemporaryFile("w", suffix=".dat")
suffixes.write("com\norg\nco.example\n")
suffixes.flush()
settings = Library(tld_type=MOZILLA, tld_file=suffixes.name.encode())
assert lib.opendmarc_policy_library_init(ctypes.byref(settings)) == 0

for line in sys.stdin:
    job = json.loads(line)
    context = ctypes.c_void_p(lib.opendmarc_policy_connect_init(b"192.0.2.1", IP4))
    lib.opendmarc_policy_store_from_domain(context, job["author"].encode())
    if job["spf"]:
        lib.opendmarc_policy_store_spf(context, job["spf"].encode(), PASS, MAIL_FROM, None)
    for domain in job["dkim"]:
        lib.opendmarc_policy_store_dkim(context, domain.encode(), b"s", PASS, None)
    domain, organization = job["domain"].encode(), job["organization"]
    stored = lib.opendmarc_policy_store_dmarc(context, job["record"].encode(), domain, organization and organization.encode())
    if stored != 0:
        print(json.dumps({"result": f"error {stored}"}), flush=True)
    else:
        result = lib.opendmarc_get_policy_to_enforce(context)
        dkim, spf = ctypes.c_int(), ctypes.c_int()
        lib.opendmarc_policy_fetch_alignment(context, ctypes.byref(dkim), ctypes.byref(spf))
        print(json.dumps({"result": RESULTS.get(result, f"error {result}"), "spf": spf.value == ALIGNED, "dkim": dkim.value == ALIGNED}), flush=True)
    lib.opendmarc_policy_connect_shutdown(context)
