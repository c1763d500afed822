/** The regional endpoints of STS (AWS General Reference, "AWS STS endpoints"). The global one belongs to no region, and is none of them. */
import type { Partition } from './arn.js';

export interface StsHost {
  readonly host: string;
  readonly region: string;
  readonly partition: Partition;
}

/** Of the three partitions. Regions of others, such as `us-iso-east-1`, have another form. */
export const regionForm = /^(?:us-gov|cn|[a-z]{2})-(?:central|(?:north|south)?(?:east|west)|north|south)-[1-9]$/;

const hostForm = /^sts\.([a-z0-9-]{1,32})\.amazonaws\.com(?:\.cn)?$/;

export function stsHostOf(region: string): StsHost {
  const partition = partitionOf(region);
  const suffix = partition === 'aws-cn' ? 'amazonaws.com.cn' : 'amazonaws.com';
  return Object.freeze({ host: `sts.${region}.${suffix}`, region, partition });
}

/** Undefined for what is not the endpoint of a region. */
export function readStsHost(host: string): StsHost | undefined {
  const region = hostForm.exec(host)?.[1] ?? '';
  const known = regionForm.test(region) ? stsHostOf(region) : undefined;
  return known?.host === host ? known : undefined;
}

export function partitionOf(region: string): Partition {
  if (region.startsWith('cn-')) return 'aws-cn';
  return region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws';
}
