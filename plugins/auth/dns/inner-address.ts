/** Addresses about which no DNS outside knows anything. */
import { networkMatcher } from "postern";

/** Addresses that are nobody's in the Internet's DNS (RFC 6890): this machine's, private, link-local, multicast. */
export const isInnerAddress = networkMatcher([
  ...["0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"],
  ...["192.168.0.0/16", "224.0.0.0/3", "::/127", "fc00::/7", "fe80::/10", "ff00::/8"],
]);
