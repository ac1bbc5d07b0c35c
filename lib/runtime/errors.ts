/**
 * The error classes of the whole library. Each message is one sentence that names the thing, what was expected, what
 * was given and what to do; `code` is stable and meant for programs.
 */

/** Base of every error that hokku throws on purpose. */
export class HokkuError extends Error {
  readonly code: string;
  constructor(message: string, code = 'HOKKU', options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** A value that cannot be used: what Python's peers report as `ValueError`. */
export class ValueError extends HokkuError {
  constructor(message: string, code = 'VALUE', options?: ErrorOptions) { super(message, code, options); }
}

/** A value of the wrong kind, dtype included: what the peers report as `TypeError`. */
export class TypeError extends HokkuError {
  constructor(message: string, code = 'TYPE', options?: ErrorOptions) { super(message, code, options); }
}

/** Shapes that do not fit an operation. */
export class ShapeError extends ValueError {
  constructor(message: string) { super(message, 'SHAPE'); }
}

/** A traced value was used where a concrete one is needed, or outlived its trace. */
export class TracerError extends TypeError {
  constructor(message: string) { super(message, 'TRACER'); }
}

/** An array, session or other handle was used after it was disposed of, or an array after it was donated. */
export class DisposedError extends HokkuError {
  constructor(message: string, code = 'DISPOSED') { super(message, code); }
}

/** An engine is not there, cannot be loaded, or cannot do what was asked. */
export class EngineNotFoundError extends HokkuError {
  constructor(message: string, options?: ErrorOptions) { super(message, 'ENGINE_NOT_FOUND', options); }
}

/** ONNX Runtime refused something: `ortCode` is its own code, e.g. `INVALID_ARGUMENT`. */
export class EngineError extends HokkuError {
  readonly ortCode: string;
  constructor(message: string, ortCode: string) {
    super(message, 'ENGINE');
    this.ortCode = ortCode;
  }
}

/** The work was stopped through an `AbortSignal`. */
export class AbortError extends HokkuError {
  constructor(message = 'The operation was aborted.') { super(message, 'ABORT_ERR'); }
}

/** A file is not what it should be: truncated, foreign, or of another model. */
export class FileFormatError extends HokkuError {
  constructor(message: string, options?: ErrorOptions) { super(message, 'FILE_FORMAT', options); }
}

/** A folder that cannot be made. */
export class FolderError extends HokkuError {
  constructor(message: string, options?: ErrorOptions) { super(message, 'FOLDER', options); }
}

/** A folder is in use by another run. */
export class LockedError extends HokkuError {
  constructor(message: string) { super(message, 'LOCKED'); }
}

/** Data that ended early, changed its kind, or could not be read. */
export class DataError extends HokkuError {
  constructor(message: string, options?: ErrorOptions) { super(message, 'DATA', options); }
}

/** A loss that is not finite. */
export class NonFiniteError extends HokkuError {
  constructor(message: string) { super(message, 'NON_FINITE'); }
}

/** A package that a feature needs and that is not installed. */
export class MissingPackageError extends HokkuError {
  constructor(message: string, options?: ErrorOptions) { super(message, 'MISSING_PACKAGE', options); }
}
