# Rewrites addresses with Mail::SRS and back: one JSON object a line comes in, an address or "!" and why goes out, a line each.
use strict; use warnings;
use JSON::PP;
my $now;
BEGIN { *CORE::GLOBAL::time = sub { $now // CORE::time() } }
use Mail::SRS;
$| = 1;
# It tells of hashes whose letter case another server changed.
local $SIG{__WARN__} = sub { };
while (my $line = <STDIN>) {
  my $job = decode_json($line);
  $now = $job->{nowSeconds};
  utf8::encode($job->{address});
  my $srs = Mail::SRS->new(Secret => $job->{keys}, HashLength => $job->{hashCharacters});
  my $made = eval { $job->{way} eq 'forward' ? $srs->forward($job->{address}, $job->{domain}) : $srs->reverse($job->{address}) };
  my $why = $@;
  $why =~ s/\s+/ /g;
  print $made // "!$why", "\n";
}
