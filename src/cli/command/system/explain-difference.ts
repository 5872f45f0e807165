/** Two explanations against each other: the facts that differ, and only those. */
import type { Explanation, Fact } from '../../../api/types/explain.ts';

/** What one side says of a fact; null: it has no such fact. */
export type Side = Pick<Fact, 'asked' | 'enforced' | 'holds'> | null;

export interface FactDifference {
  what: string;
  why: string;
  a: Side;
  b: Side;
}

export interface ExplanationDifference {
  a: Explanation['subject'];
  b: Explanation['subject'];
  /** Layers with a difference. */
  layers: { name: string; title: string; facts: FactDifference[] }[];
  /** How many facts say the same of both. */
  same: number;
}

/** Every namespace has a number of its own: two that are both "its own" do not differ by it. */
const NAMESPACE_NUMBER = /\b(\w+:)\[\d+\]/g;

function comparable(text: string | null, { id, name }: Explanation['subject']): string | null {
  if (text === null) return null;
  const named = text.replaceAll(id, '<id>').replaceAll(id.slice(0, 12), '<id>');
  return (name === '' ? named : named.replaceAll(name, '<name>')).replaceAll(NAMESPACE_NUMBER, '$1[]');
}

function sideOf(fact: Fact | undefined): Side {
  return fact === undefined ? null : { asked: fact.asked, enforced: fact.enforced, holds: fact.holds };
}

function differ(a: Fact | undefined, b: Fact | undefined, left: Explanation, right: Explanation): boolean {
  if (a === undefined || b === undefined) return true;
  const says = (text: string | null, { subject }: Explanation) => comparable(text, subject);
  if (says(a.asked, left) !== says(b.asked, right)) return true;
  // One that does not run has nothing to compare with.
  if (a.enforced === null || b.enforced === null) return false;
  return says(a.enforced, left) !== says(b.enforced, right) || a.holds !== b.holds;
}

/** Facts by their name; the second of the same name in a layer is another fact. */
function keyed(facts: readonly Fact[]): Map<string, Fact> {
  const result = new Map<string, Fact>();
  for (const fact of facts) {
    let key = fact.what;
    for (let number = 2; result.has(key); number++) key = `${fact.what} (${number})`;
    result.set(key, fact);
  }
  return result;
}

export function explanationDifference(left: Explanation, right: Explanation): ExplanationDifference {
  const names = [...new Set([...left.layers, ...right.layers].map(({ name }) => name))];
  let same = 0;
  const layers = names.map((name) => {
    const [a, b] = [left, right].map(({ layers: all }) => all.find((layer) => layer.name === name));
    const [factsA, factsB] = [keyed(a?.facts ?? []), keyed(b?.facts ?? [])];
    const facts: FactDifference[] = [];
    for (const what of new Set([...factsA.keys(), ...factsB.keys()])) {
      const [factA, factB] = [factsA.get(what), factsB.get(what)];
      if (!differ(factA, factB, left, right)) same += 1;
      else facts.push({ what, why: (factA ?? factB)?.why ?? '', a: sideOf(factA), b: sideOf(factB) });
    }
    return { name, title: (a ?? b)?.title ?? name, facts };
  });
  return { a: left.subject, b: right.subject, layers: layers.filter(({ facts }) => facts.length > 0), same };
}
