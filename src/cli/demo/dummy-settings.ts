/** What the emulator and DynamoDB Local are content with. Local keeps tables apart by region and access key. */
export const dummySettings = {
  region: 'us-east-1',
  credentials: { accessKeyId: 'demo', secretAccessKey: 'demo' },
} as const
