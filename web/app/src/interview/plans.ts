// What a plan says about an interview before and while it runs.
import type { GreenroomClient, PlanSummary } from "@greenroom/client";
import { useEffect, useState } from "react";

/** How much longer one may ask for at a time, and how often. */
export interface Extra {
  ms: number;
  times: number;
}

export interface PlanInfo {
  id: string;
  title: string;
  description: string;
  questions: number;
  totalMs: number;
  /** Null: none is granted. */
  extra: Extra | null;
  /** It has a wording of its own to agree to. */
  asksConsent: boolean;
}

export function planInfo(plan: PlanSummary): PlanInfo {
  const { extensions, extensionMs } = plan;
  return {
    id: plan.id,
    title: plan.title,
    description: plan.description,
    questions: plan.questionCount,
    totalMs: plan.totalLimitMs,
    extra: extensions > 0 && extensionMs > 0 ? { ms: extensionMs, times: extensions } : null,
    asksConsent: plan.asksConsent,
  };
}

/** What the running plan grants; undefined: not known (yet), and the server decides. */
export function useExtra(client: GreenroomClient, planId: string | null): Extra | null | undefined {
  const [extra, setExtra] = useState<Extra | null | undefined>(undefined);
  useEffect(() => {
    let gone = false;
    setExtra(undefined);
    if (planId === null) return;
    client.api.plans().then(
      (plans) => {
        const plan = plans.find(({ id }) => id === planId);
        if (plan && !gone) setExtra(planInfo(plan).extra);
      },
      () => {},
    );
    return () => {
      gone = true;
    };
  }, [client, planId]);
  return extra;
}
