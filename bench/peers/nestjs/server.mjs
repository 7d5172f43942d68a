// A NestJS gateway that does the benchmark's job the way its own documentation writes one:
// a token on every connection, one room for each interview, audio relayed to the others.
// Only the benchmark starts it. JWT_SECRET and PORT_FILE come from its environment.
import 'reflect-metadata';
import { renameSync, writeFileSync } from 'node:fs';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  ConnectedSocket,
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  WebSocketServer,
} from '@nestjs/websockets';
import jwt from 'jsonwebtoken';

const secret = process.env.JWT_SECRET;
const portFile = process.env.PORT_FILE;
if (!secret || !portFile) {
  console.error('JWT_SECRET and PORT_FILE are needed; the benchmark sets them.');
  process.exit(2);
}

class Gateway {
  handleConnection(client) {
    try {
      const user = jwt.verify(client.handshake.auth.token, secret, { algorithms: ['HS256'] });
      client.data.user = user;
      client.emit('connection:success', { connectionId: client.id, userId: user.sub });
    } catch {
      client.emit('connection:error', { code: 'unauthenticated' });
      client.disconnect(true);
    }
  }

  join(body, client) {
    const { session, sub } = client.data.user ?? {};
    if (!session || body.sessionId !== session) {
      return { type: 'error', code: 'unknown_session' };
    }
    client.join(session);
    client.to(session).emit('user:joined', { sessionId: session, userId: sub });
    return { type: 'ok', sessionId: session };
  }

  start() {
    return { type: 'ok' };
  }

  audio(body, client) {
    const { session, sub } = client.data.user ?? {};
    client.to(session).emit('audio:received', {
      sessionId: session,
      userId: sub,
      audioData: body.audioData,
      format: body.format,
      sampleRate: body.sampleRate,
    });
  }
}

// What the decorators of TypeScript would do.
const method = (name, event) => {
  const descriptor = Object.getOwnPropertyDescriptor(Gateway.prototype, name);
  MessageBody()(Gateway.prototype, name, 0);
  ConnectedSocket()(Gateway.prototype, name, 1);
  SubscribeMessage(event)(Gateway.prototype, name, descriptor);
};
method('join', 'session:join');
method('start', 'interview:start');
method('audio', 'audio:stream');
WebSocketServer()(Gateway.prototype, 'server');
WebSocketGateway({ namespace: 'interview', transports: ['websocket'] })(Gateway);

class App {}
Module({ providers: [Gateway] })(App);

const app = await NestFactory.create(App, { logger: ['error', 'warn'] });
await app.listen(0, '127.0.0.1');
const { port } = app.getHttpServer().address();
writeFileSync(`${portFile}.new`, String(port));
renameSync(`${portFile}.new`, portFile);
