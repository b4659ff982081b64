import type { StreamRecord } from 'dynamodb-stream-iterator'
import { applyProduct, openProducts, type Product } from './apply-product.ts'

// The module of `--handler`: what the worker does with a record, after the fix.
const db = openProducts(process.env.PRODUCTS ?? 'products.db')

export default (record: StreamRecord<Product>): void => applyProduct(db, record)
