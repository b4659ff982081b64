export type { LambdaLogger } from './failure-log.ts'
export type { DynamoDBBatchResponse, LambdaContext, LambdaStreamEvent } from './lambda-event.ts'
export { type LambdaStreamHandler, lambdaHandler } from './lambda-handler.ts'
export type {
  DisableMappingOptions,
  LambdaOptions,
  LambdaRetryOptions,
  MappingAccess,
} from './options.ts'
export { recordFromLambda } from './record-from-lambda.ts'
