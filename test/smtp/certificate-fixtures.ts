/** Keys and certificates by openssl, and which certificate a client of a listener gets. */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { Client } from "./limits-fixtures.ts";

/** A folder with keys and certificates, to be removed at the end. */
export class CertificateFolder {
  readonly path = mkdtempSync(join(tmpdir(), "smtp-certificates-"));

  remove(): void {
    rmSync(this.path, { recursive: true });
  }

  /** Makes NAME.key and NAME.crt, or writes others in their place. @param dnsNames none: the common name alone */
  make(name: string, commonName: string, ...dnsNames: readonly string[]) {
    const files = { keyFile: join(this.path, `${name}.key`), certFile: join(this.path, `${name}.crt`) };
    const alternative = dnsNames.map((one) => `DNS:${one}`).join(",");
    this.#openssl(
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"],
      ...["-subj", `/CN=${commonName}`, "-keyout", files.keyFile, "-out", files.certFile],
      ...(alternative === "" ? [] : ["-addext", `subjectAltName=${alternative}`]),
    );
    return files;
  }

  /** The same for a certificate of the year 2020. */
  makeExpired(name: string, commonName: string) {
    const files = this.make(name, commonName);
    const [request, config] = [join(this.path, `${name}.csr`), join(this.path, `${name}.cnf`)];
    writeFileSync(join(this.path, "database"), "");
    writeFileSync(join(this.path, "serial"), "01\n");
    const settings = [
      ...["[ca]", "default_ca=one", "[one]", `database=${join(this.path, "database")}`],
      ...[`new_certs_dir=${this.path}`, `serial=${join(this.path, "serial")}`, "default_md=sha256"],
      ...["policy=any", "[any]", "commonName=supplied"],
    ];
    writeFileSync(config, `${settings.join("\n")}\n`);
    this.#openssl("req", "-new", "-key", files.keyFile, "-subj", `/CN=${commonName}`, "-out", request);
    this.#openssl(
      ...["ca", "-config", config, "-batch", "-selfsign", "-keyfile", files.keyFile, "-in", request],
      ...["-startdate", "20200101000000Z", "-enddate", "20210101000000Z", "-notext", "-out", files.certFile],
    );
    return files;
  }

  #openssl(...args: readonly string[]): void {
    execFileSync("openssl", [...args], { stdio: "ignore" });
  }
}

/** A TLS session with a listener. @param serverName what the client asks for; "" for nothing */
export async function tlsSession(
  port: number,
  how: "starttls" | "implicit",
  serverName = "",
): Promise<TLSSocket> {
  const options = { rejectUnauthorized: false, servername: serverName };
  if (how === "implicit") {
    const socket = connectTls({ port, host: "127.0.0.1", ...options });
    await once(socket, "data");
    return socket;
  }
  const client = await Client.open(port);
  await client.reply();
  await client.askAll("EHLO c", "STARTTLS");
  client.socket.removeAllListeners("data");
  const socket = connectTls({ socket: client.socket, ...options });
  await once(socket, "secureConnect");
  return socket;
}

/** The common name of the certificate that a session got. */
export const commonNameOf = (socket: TLSSocket): string => String(socket.getPeerCertificate().subject.CN);

/** Opens a session, gives the common name, and closes it. */
export async function commonName(...args: Parameters<typeof tlsSession>): Promise<string> {
  const socket = await tlsSession(...args);
  const name = commonNameOf(socket);
  socket.destroy();
  return name;
}
