/**
 * gRPC server reflection. Its library is loaded by the first call, since most servers are never asked:
 * 4 MB on every thread that serves.
 */
import type {
  handleBidiStreamingCall,
  MethodDefinition,
  Server,
  ServerDuplexStream,
  ServiceDefinition,
  UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { assert } from '../domain/assert.ts';
import { loadReflectedDefinitions } from './definitions.ts';
import { toStatus, type Unexpected } from './status.ts';

const METHOD = 'ServerReflectionInfo';
/** Clients ask one or the other. */
const SERVICES = ['grpc.reflection.v1.ServerReflection', 'grpc.reflection.v1alpha.ServerReflection'];

/** The method of one service, as the library has it. */
interface LibraryMethod {
  readonly definition: MethodDefinition<object, object>;
  readonly serve: handleBidiStreamingCall<object, object>;
}

/** By their paths. */
type LibraryMethods = ReadonlyMap<string, LibraryMethod>;

async function loadLibrary(): Promise<LibraryMethods> {
  const { ReflectionService } = await import('@grpc/reflection');
  const methods = new Map<string, LibraryMethod>();
  const addService = (service: ServiceDefinition, handlers: UntypedServiceImplementation): void => {
    const definition: MethodDefinition<object, object> = service[METHOD];
    const serve = handlers[METHOD] as handleBidiStreamingCall<object, object>;
    methods.set(definition.path, { definition, serve });
  };
  new ReflectionService(loadReflectedDefinitions()).addToServer({ addService });
  return methods;
}

export class Reflection {
  readonly #load: () => Promise<LibraryMethods>;
  readonly #unexpected: Unexpected;
  #loading: Promise<LibraryMethods> | undefined;
  #loaded: LibraryMethods | undefined;

  /** @param unexpected is told where the library can't be loaded: the call is INTERNAL, the next tries again. */
  constructor(unexpected: Unexpected, load = loadLibrary) {
    this.#unexpected = unexpected;
    this.#load = load;
  }

  addToServer(server: Pick<Server, 'addService'>): void {
    for (const service of SERVICES) {
      const path = `/${service}/${METHOD}`;
      const serve = (call: ServerDuplexStream<object, object>) => this.#serve(path, call);
      server.addService({ [METHOD]: this.#definition(path) }, { [METHOD]: serve });
    }
  }

  /** Messages are read and written once the call is served, and so once the library is there. */
  #definition(path: string): MethodDefinition<object, object> {
    return {
      path,
      requestStream: true,
      responseStream: true,
      requestSerialize: (message) => this.#method(path).definition.requestSerialize(message),
      requestDeserialize: (bytes) => this.#method(path).definition.requestDeserialize(bytes),
      responseSerialize: (message) => this.#method(path).definition.responseSerialize(message),
      responseDeserialize: (bytes) => this.#method(path).definition.responseDeserialize(bytes),
    };
  }

  async #serve(path: string, call: ServerDuplexStream<object, object>): Promise<void> {
    this.#loading ??= this.#load();
    try {
      this.#loaded = await this.#loading;
    } catch (error) {
      // Such as when the program's files were replaced while it runs.
      this.#loading = undefined;
      call.emit('error', toStatus(error, this.#unexpected, call));
      return;
    }
    this.#method(path).serve(call);
  }

  #method(path: string): LibraryMethod {
    const method = this.#loaded?.get(path);
    assert(method !== undefined, 'reflection is served by its library');
    return method;
  }
}
