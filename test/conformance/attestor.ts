/** The suite is public: it is in src/conformance. */
export * from '../../src/conformance/attestor.js';
