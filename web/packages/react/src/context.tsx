"use client";
/** Which client the hooks below use. A client that is passed in belongs to whoever made it. */
import { type ClientOptions, createClient, type GreenroomClient } from "@greenroom/client";
import { createContext, type ReactNode, useContext, useEffect, useState } from "react";

const ClientContext = createContext<GreenroomClient | null>(null);

export type WebSocketProviderProps =
  | {
      /** Made by the app. Never connected, closed or changed here. */
      client: GreenroomClient;
      children?: ReactNode;
    }
  | {
      /** A client is made of these, once; later changes are not looked at. */
      options: ClientOptions;
      /** Connect while this is mounted. Default true. */
      connect?: boolean;
      children?: ReactNode;
    };

export function WebSocketProvider(props: WebSocketProviderProps) {
  if ("client" in props) {
    return <ClientContext.Provider value={props.client}>{props.children}</ClientContext.Provider>;
  }
  return <OwnClient {...props} />;
}

function OwnClient(props: Extract<WebSocketProviderProps, { options: ClientOptions }>) {
  const { options, connect = true, children } = props;
  // Making one has no effect on the world, so that it may be made twice and thrown away.
  const [client] = useState(() => createClient(options));
  // A release closes a moment later, so that StrictMode's second mount finds it still open.
  useEffect(() => (connect ? client.retain() : undefined), [client, connect]);
  return <ClientContext.Provider value={client}>{children}</ClientContext.Provider>;
}

let shared: GreenroomClient | undefined;

/** The provider's client; without a provider, one for the page that talks to its own origin. */
export function useClient(): GreenroomClient {
  const given = useContext(ClientContext);
  if (given) return given;
  shared ??= createClient();
  return shared;
}
