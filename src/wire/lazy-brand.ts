/**
 * A member that only lazily parsed records have. It identifies them without loading their class, which a
 * Lambda function does not need. It is a symbol, so that JSON cannot contain it.
 */
export const lazyBrand: unique symbol = Symbol('lazy')
