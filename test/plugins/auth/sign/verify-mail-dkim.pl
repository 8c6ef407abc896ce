# Verifies RSA signatures of messages with Mail::DKIM: one JSON object a line comes in, one line of results goes out.
use strict; use warnings;
use JSON::PP; use MIME::Base64; use Mail::DKIM::Verifier; use Mail::DKIM::PublicKey;
$| = 1;
my $records;
{
  no warnings 'redefine';
  *Mail::DKIM::PublicKey::fetch_async = sub {
    my ($class, %prms) = @_;
    my $text = $records->{"$prms{Selector}._domainkey.$prms{Domain}"};
    my $done = $prms{Callbacks}{Success} || sub { $_[0] };
    return sub {
      return $done->() unless defined $text;
      my $key = Mail::DKIM::PublicKey->parse($text);
      $key->{Selector} = $prms{Selector};
      $key->{Domain} = $prms{Domain};
      $key->check;
      return $done->($key);
    };
  };
}
while (my $line = <STDIN>) {
  my $job = decode_json($line);
  $records = $job->{records};
  my $dkim = Mail::DKIM::Verifier->new();
  $dkim->PRINT(decode_base64($job->{message}));
  $dkim->CLOSE;
  my @rsa = grep { ($_->algorithm // '') eq 'rsa-sha256' && $_->domain eq 'example.com' } $dkim->signatures;
  print join(' ', map { $_->result eq 'pass' ? 'ok' : 'fail' } @rsa) || 'none', "\n";
}
