/** The names of kinds of dtypes, for `issubdtype`, and NumPy's other names of dtypes, 32 bits wide where JAX's are by default. */
import { checkDType, type DType } from '../dtypes.js';

const named = <K extends string>(kind: K): K => kind;
export const [generic, number, inexact, floating, complexfloating] = [named('generic'), named('number'), named('inexact'), named('floating'), named('complexfloating')];
export const [integer, signedinteger, unsignedinteger] = [named('integer'), named('signedinteger'), named('unsignedinteger')];

export const [float_, single, double] = [named('float32'), named('float32'), named('float64')];
export const [int_, uint] = [named('int32'), named('uint32')];

/** The dtype of a name: the name, if there is such a dtype. */
export const dtype = (of: DType): DType => checkDType(of, 'jnp.dtype');
