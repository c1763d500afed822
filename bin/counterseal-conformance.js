#!/usr/bin/env node
import '../build/conformance/main.js';
