/**
 * The network that all databases stand in. Aurora demands one; nothing goes through it, for statements come through the Data API alone. So it has no way
 * in or out and can be shared, which it must be: an account has five networks in a region, and cells may be many.
 */
import { Fn, Stack, Validations } from 'aws-cdk-lib';
import { type ISecurityGroup, type IVpc, SecurityGroup, SubnetType, Vpc } from 'aws-cdk-lib/aws-ec2';
import { type ISubnetGroup, SubnetGroup } from 'aws-cdk-lib/aws-rds';
import type { Construct } from 'constructs';

/** Where a cluster is put: by the names of the subnet group and of the security group, all that another stack imports. */
export interface DatabaseNetwork {
  vpc: IVpc;
  subnetGroup: ISubnetGroup;
  securityGroup: ISecurityGroup;
}

/** In as many zones Aurora keeps its storage, and an instance may be moved to each of them. */
const zones = 3;

/** The network. */
export class NetworkStack extends Stack {
  readonly network: DatabaseNetwork;

  /** The region's first ones, which the deployment finds; CDK takes two where it does not know the region. */
  override get availabilityZones(): string[] {
    return Array.from({ length: zones }, (_, index) => Fn.select(index, Fn.getAzs()));
  }

  constructor(scope: Construct, id: string) {
    super(scope, id, { description: 'Cellzero: network of the databases' });
    // CDK's Vpc is an IVpc, but not under exactOptionalPropertyTypes.
    const vpc = new Vpc(this, 'Network', {
      maxAzs: zones,
      natGateways: 0,
      // Nothing is in the default group, and a function to empty it would need rights over networks.
      restrictDefaultSecurityGroup: false,
      subnetConfiguration: [{ name: 'database', subnetType: SubnetType.PRIVATE_ISOLATED }],
    }) as IVpc;
    Validations.of(vpc).acknowledge({
      id: 'AwsSolutions-VPC7',
      reason: 'No packet could flow: nothing in it has a route, and no port is open.',
    });
    const securityGroup = new SecurityGroup(this, 'SecurityGroup', {
      vpc,
      description: 'Nothing in, nothing out: the Data API does not come through the network',
      allowAllOutbound: false,
    });
    const subnetGroup = new SubnetGroup(this, 'SubnetGroup', {
      vpc,
      vpcSubnets: { subnetType: SubnetType.PRIVATE_ISOLATED },
      description: 'Subnets of all databases of Cellzero',
    });
    this.network = { vpc, subnetGroup, securityGroup };
  }
}
