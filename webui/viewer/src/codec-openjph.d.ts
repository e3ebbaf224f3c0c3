// What we use of @cornerstonejs/codec-openjph, which comes without types.
declare module "@cornerstonejs/codec-openjph" {
  export interface HTJ2KDecoder {
    getEncodedBuffer(bytes: number): Uint8Array;
    decode(): void;
    getDecodedBuffer(): Uint8Array;
    delete(): void;
  }
  export interface OpenJph {
    HTJ2KDecoder: new () => HTJ2KDecoder;
  }
  export interface Options {
    instantiateWasm(imports: WebAssembly.Imports, done: (instance: WebAssembly.Instance) => void): object;
  }
  export default function openJph(options: Options): Promise<OpenJph>;
}

declare module "@cornerstonejs/codec-openjph/wasm" {
  const address: string;
  export default address;
}
