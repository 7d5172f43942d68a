// How loud somebody is: a bar for the eye, a sentence for everybody. The bar is drawn past React,
// because it changes many times a second.
import { useEffect, useRef } from "react";

export interface LevelSource {
  /** The level now, 0 to 1 as a share of full scale. */
  read(): number;
}

/** Loudness as people hear it: -60 dB is nothing, -6 dB is all. */
export function shown(level: number): number {
  if (level <= 0) return 0;
  const decibels = 20 * Math.log10(level);
  return Math.min(1, Math.max(0, (decibels + 60) / 54));
}

export function Level({ source, label }: { source: LevelSource | null; label: string }) {
  const bar = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!source) {
      bar.current?.style.setProperty("--level", "0");
      return;
    }
    let frame = 0;
    let smooth = 0;
    const draw = () => {
      const level = shown(source.read());
      smooth = level > smooth ? level : smooth * 0.9 + level * 0.1;
      bar.current?.style.setProperty("--level", smooth.toFixed(3));
      frame = requestAnimationFrame(draw);
    };
    frame = requestAnimationFrame(draw);
    return () => cancelAnimationFrame(frame);
  }, [source]);
  return (
    <div className="meter" role="img" aria-label={label}>
      <div ref={bar} />
    </div>
  );
}
