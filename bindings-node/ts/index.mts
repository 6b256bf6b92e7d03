// For `import`: the same modules as for `require`, so that there is one event loop and one PonosError.

export * from "./index.js";
