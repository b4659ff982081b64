/** Builds and packs the package in `folder`, an empty one; returns the path of the tarball. */
export declare function packInto(folder: string): string
