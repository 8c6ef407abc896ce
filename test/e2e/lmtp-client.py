"""A client of smtplib.LMTP: `lmtp-client.py PATH` or `lmtp-client.py HOST PORT`. Prints what the server answers."""
import smtplib
import sys

CONTENT = "From: ann@client.example\r\nSubject: one\r\n\r\ntext\r\n"
RECIPIENTS = ["bob@local.example", "dead@local.example", "carl@local.example"]

server = sys.argv[1:]
client = smtplib.LMTP(server[0], *(int(port) for port in server[1:]), local_hostname="python.example")
client.ehlo()
print("PIPELINING", client.has_extn("pipelining"))
client.mail("ann@client.example")
for recipient in RECIPIENTS:
    client.rcpt(recipient)
client.docmd("DATA")
client.send(CONTENT.encode() + b".\r\n")
# Its own data() reads one reply alone (RFC 2033 4.2: one for each recipient).
for recipient in RECIPIENTS:
    code, text = client.getreply()
    print(code, repr(text).split(" ")[0])
print("sendmail", client.sendmail("ann@client.example", RECIPIENTS[:1], CONTENT))
client.quit()
