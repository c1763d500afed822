/** The test host is public: it is in src/conformance. */
export * from '../../src/conformance/test-host.js';
