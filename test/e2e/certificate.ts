/** A key and a certificate of its own making, for listeners under test. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";

const REQUEST =
  "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=gateway.example";

/** Makes both as PEM files in a folder. */
export function makeCertificate(folder: string): { readonly keyFile: string; readonly certFile: string } {
  const files = { keyFile: join(folder, "key.pem"), certFile: join(folder, "cert.pem") };
  execFileSync("openssl", [...REQUEST.split(" "), "-keyout", files.keyFile, "-out", files.certFile], {
    stdio: "ignore",
  });
  return files;
}
