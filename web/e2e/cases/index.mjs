// Every case; the first is the one that `make test` runs.
import { interview } from "./interview.mjs";
import { losses } from "./losses.mjs";
import { measures } from "./measures.mjs";
import { others } from "./others.mjs";
import { results } from "./results.mjs";
import { ways } from "./ways.mjs";

export const cases = [...interview, ...losses, ...ways, ...others, ...results, ...measures];
