"""Sends one message by Python's smtplib, and prints what came of it as one line of JSON.

Arguments: port, "plain" or "starttls", the file of a certificate to trust, reverse-path, forward-path, file of the
content, then options of MAIL.
"""

import json
import smtplib
import ssl
import sys


def main(port, mode, certificate, reverse_path, forward_path, file, *options):
    result = {}
    with open(file, "rb") as content, smtplib.SMTP("127.0.0.1", int(port), "python.example", 30) as client:
        if mode == "starttls":
            context = ssl.create_default_context(cafile=certificate)
            # It is asked for by address.
            context.check_hostname = False
            result["starttls"] = client.starttls(context=context)[0]
            result["tls"] = client.sock.version()
        client.ehlo_or_helo_if_needed()
        result["keywords"] = sorted(client.esmtp_features)
        try:
            result["refused"] = client.sendmail(reverse_path, [forward_path], content.read(), list(options))
            result["accepted"] = True
        except smtplib.SMTPRecipientsRefused as refusal:
            result["reply"] = [[code, text.decode()] for code, text in refusal.recipients.values()][0]
        except smtplib.SMTPResponseException as refusal:
            result["reply"] = [refusal.smtp_code, refusal.smtp_error.decode()]
    print(json.dumps(result))


main(*sys.argv[1:])
