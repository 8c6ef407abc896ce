# Signs messages with Mail::DKIM: one JSON object a line comes in, the signed message in base64 goes out, a line each.
use strict; use warnings;
use JSON::PP; use MIME::Base64; use Mail::DKIM::Signer; use Mail::DKIM::PrivateKey;
$| = 1;
while (my $line = <STDIN>) {
  my $job = decode_json($line);
  my $message = decode_base64($job->{message});
  my $text = $job->{rsa}{key};
  $text =~ s/-----[^-]*-----|\s//g;
  my $signer = Mail::DKIM::Signer->new(
    Algorithm => 'rsa-sha256', Method => $job->{canonical}, Domain => 'sender.example',
    Selector => $job->{rsa}{selector}, Key => Mail::DKIM::PrivateKey->load(Data => $text));
  $signer->PRINT($message);
  $signer->CLOSE;
  print encode_base64($signer->signature->as_string . "\r\n" . $message, ''), "\n";
}
