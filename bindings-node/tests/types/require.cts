// The same from CommonJS: `require` has types of its own.

import ponos = require("@ponos/ponos");

const opened: Promise<ponos.Client> = ponos.open("memory://types-require");
opened.then((client) => client.close());
