/**
 * The public export `counterseal/attestor/conformance`: what every attestor must do, as a suite for mocha (it uses the
 * globals `describe` and `it`), and the real host, with a clock that the test sets.
 */
export { type AttestorFixture, describeAttestor, describeAttestorType } from './attestor.js';
export { callWith, createTestHost, formEvidence, jwtEvidence, ourIssuer, type TestHost } from './test-host.js';
