// The host of the app: the generated commands and events.
import { commands, events } from "./bindings";
import type { Host, HostEvents } from "./host";

type Listen = { [Name in keyof HostEvents]: (hear: (payload: HostEvents[Name]) => void) => Promise<() => void> };

const listen: Listen = {
  appState: (hear) => events.appState.listen((event) => hear(event.payload)),
  inboxChanged: (hear) => events.inboxChanged.listen((event) => hear(event.payload)),
  reviewChanged: (hear) => events.reviewChanged.listen((event) => hear(event.payload)),
  decisionProgress: (hear) => events.decisionProgress.listen((event) => hear(event.payload)),
  fieldsMasked: (hear) => events.fieldsMasked.listen((event) => hear(event.payload)),
  setupProgress: (hear) => events.setupProgress.listen((event) => hear(event.payload)),
};

export function makeTauriHost(): Host {
  return {
    ...commands,
    on(name, hear) {
      let isOver = false;
      let stop = () => {};
      // Listening starts a moment later; an end that comes before it is kept.
      void listen[name](hear).then((unlisten) => {
        stop = unlisten;
        if (isOver) unlisten();
      });
      return () => {
        isOver = true;
        stop();
      };
    },
  };
}
