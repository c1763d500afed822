/** How long the process computes while `work` runs, in milliseconds: unlike the clock's time, others on the machine don't add to it. */
export function cpuMilliseconds(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}
