/** The one door by which zod enters: plugins take `z` from "postern", so that one version checks everything. */
export { z } from "zod";
